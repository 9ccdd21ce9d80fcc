"""Billing schedules in the app's own GraphQL."""
