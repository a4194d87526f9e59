"""Sections of the page that have a layout of their own."""
