"""From samples to events: gate, posteriors, decision. Pure: no threads, no devices, no clock."""
