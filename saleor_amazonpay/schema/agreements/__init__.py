"""Agreements in the app's own GraphQL: read, ended and charged, by staff or by an app of the merchant's."""
