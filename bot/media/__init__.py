"""Files of people and of providers: checked by content, opened only by ffmpeg, kept, fitted."""
