"""What is said over MQTT: connection, topics, publisher and commands."""
