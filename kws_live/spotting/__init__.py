"""Samples to events, in order: gate, posteriors, decision. Pure: no threads, no devices, no clock."""
