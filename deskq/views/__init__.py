"""Windows, views and dialogs; what they show comes from models, what they do goes through sessions."""
