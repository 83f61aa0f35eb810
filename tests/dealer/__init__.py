"""Tests of Dealer."""
