from django.contrib.auth.models import User
from django.db import models

from rootsd.django import announce


class List(models.Model):
    """A to-do list, of one or several users."""

    name = models.CharField(max_length=100)
    members = models.ManyToManyField(User, related_name="lists")


class Item(models.Model):
    """What is to be done, or is done."""

    list = models.ForeignKey(List, models.CASCADE, related_name="items")
    text = models.CharField(max_length=200)
    done = models.BooleanField(default=False)

    def as_json(self):
        return {"id": self.pk, "text": self.text, "done": self.done}


announce(Item, path=lambda item: f"lists/{item.list_id}", message=Item.as_json)
