#!/usr/bin/env python3
"""Runs the application: python3 manage.py migrate, and then python3 manage.py runserver."""
import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "todo.settings")
    execute_from_command_line(sys.argv)
