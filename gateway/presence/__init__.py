"""Where members are: smoothed signal levels, zones and visits."""
