"""What-if: what a network and its firms keep when nodes fall out, and what repair brings back."""
