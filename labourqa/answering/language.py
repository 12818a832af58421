"""Language detection: a question in a language that the models cannot read is refused, not answered at random."""

from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]

# A short English question was taken for French with a probability of 0.80; sentences in other languages reached 0.97
# and more.
MIN_PROBABILITY = 0.9
NAMES = {
    "ar": "Arabic", "be": "Belarusian", "bg": "Bulgarian", "cs": "Czech", "da": "Danish", "de": "German",
    "el": "Greek", "en": "English", "es": "Spanish", "et": "Estonian", "fi": "Finnish", "fr": "French", "hi": "Hindi",
    "hr": "Croatian", "hu": "Hungarian", "it": "Italian", "ja": "Japanese", "ka": "Georgian", "ko": "Korean",
    "lt": "Lithuanian", "lv": "Latvian", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish",
    "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip


def detect_language(text: str) -> tuple[str, float]:
    """ISO 639-1 code of the most probable language of NAMES, and its probability by py3langid's model."""
    code, probability = load_identifier().classify(text)
    return str(code), float(probability)


def detect_mismatch(question: str, law: str) -> tuple[str, str] | None:
    """The names of the question's language and of the language of `law`, part of the code, if they surely differ."""
    question_language, probability = detect_language(question)
    law_language, law_probability = detect_language(law)
    if min(probability, law_probability) < MIN_PROBABILITY or question_language == law_language:
        return None
    return NAMES[question_language], NAMES[law_language]


def may_be_english(text: str) -> bool:
    """Whether a text is not surely in another language."""
    language, probability = detect_language(text)
    return language == "en" or probability < MIN_PROBABILITY


@cache
def load_identifier() -> LanguageIdentifier:
    """py3langid's model; decompressing it takes 0.5 s the first time."""
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(NAMES))
    return identifier
