import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel("List", [
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ("name", models.CharField(max_length=100)),
            ("members", models.ManyToManyField(related_name="lists", to=settings.AUTH_USER_MODEL)),
        ]),
        migrations.CreateModel("Item", [
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ("text", models.CharField(max_length=200)),
            ("done", models.BooleanField(default=False)),
            ("list", models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="items", to="todo.list")),
        ]),
    ]
