"""What a run consists of: configuration, files, parameters and work of every job."""
