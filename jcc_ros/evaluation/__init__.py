"""What a model is worth: bits, accuracy, time, measured without ROS."""
