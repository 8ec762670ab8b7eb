"""Images, labelled in files or carried by ROS messages, and files that are written whole."""
