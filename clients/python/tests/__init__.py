"""Tests of the client. In clients/python: python3 -m unittest discover -s tests"""
