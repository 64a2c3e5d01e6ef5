"""An image server for Z-Image-Turbo: the OpenAI Images API in front of diffusers, which does all the drawing."""
