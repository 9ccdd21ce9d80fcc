"""Billing schedules, renewals, the events they leave behind, and a tenant's settings for all of them."""
