"""The ROS nodes: parameters, topics, timers. The only place that knows rclpy."""
