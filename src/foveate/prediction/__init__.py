"""What a trained network says of any image."""
