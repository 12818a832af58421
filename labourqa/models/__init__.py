"""Files, tokenizers and weights of the models, the sentence encoder and the trained relevance."""
