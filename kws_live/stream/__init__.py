"""From blocks of audio to mono samples with positions: gaps, rates, health. No devices, no threads."""
