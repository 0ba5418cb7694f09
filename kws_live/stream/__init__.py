"""Blocks of audio to mono samples with positions: gaps, rates, health. No devices, no threads of its own."""
