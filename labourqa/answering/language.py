"""Which language a text is in: a question that the models cannot read is said to be so, not answered at random."""

from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]

SURE = 0.9  # an English question of few words reached 0.80 as French; a sentence in another language 0.97 and more
NAMES = {
    "ar": "Arabic", "be": "Belarusian", "bg": "Bulgarian", "cs": "Czech", "da": "Danish", "de": "German",
    "el": "Greek", "en": "English", "es": "Spanish", "et": "Estonian", "fi": "Finnish", "fr": "French", "hi": "Hindi",
    "hr": "Croatian", "hu": "Hungarian", "it": "Italian", "ja": "Japanese", "ka": "Georgian", "ko": "Korean",
    "lt": "Lithuanian", "lv": "Latvian", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish",
    "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip


def detect_language(text: str) -> tuple[str, float]:
    """ISO 639-1 code of the likeliest language of NAMES, and its probability by py3langid's model."""
    code, probability = identifier().classify(text)
    return str(code), float(probability)


def foreign_language(question: str, law: str) -> tuple[str, str] | None:
    """The question's language and that of `law`, a piece of the code, by name, if they surely differ."""
    asked, probability = detect_language(question)
    spoken, _ = detect_language(law)
    return None if probability < SURE or asked == spoken else (NAMES[asked], NAMES[spoken])


@cache
def identifier() -> LanguageIdentifier:
    """py3langid's model, decompressed the first time (0.5 s)."""
    loaded = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    loaded.set_languages(list(NAMES))
    return loaded
