from django.contrib.auth.hashers import make_password
from django.db import migrations


def make(apps, schema_editor):
    """Makes three users, whose passwords are their names with "-secret", and two lists."""
    users = apps.get_model("auth", "User").objects
    ada, grace, mallory = [
        users.create(username=name, password=make_password(f"{name}-secret")) for name in ("ada", "grace", "mallory")
    ]
    lists = apps.get_model("todo", "List").objects
    lists.create(name="Groceries").members.set([ada, grace])
    lists.create(name="Plans").members.set([mallory])


class Migration(migrations.Migration):
    dependencies = [("todo", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
