"""The parts of the reliability campaign, which `scripts/campaign.py` runs."""
