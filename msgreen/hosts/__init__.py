"""Hosts: systems that give the Green function between their magnetic sites."""
