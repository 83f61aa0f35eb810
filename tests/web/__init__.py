"""The pages in a real browser: what people see, whether everybody can use it, and that forms do what they say."""
