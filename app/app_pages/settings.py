"""Settings: the visitor's own, the codes, the server's model, what is installed, and erasing conversations."""

from collections.abc import Sequence
from dataclasses import replace
from shutil import rmtree

import code_upload
import edition_chooser
import streamlit as st
from language import _, choose_language, current_language, languages, ngettext
from messages import user_errors
from server import server
from visitor import (
    choose_settings,
    current_edition,
    current_settings,
    is_local_user,
    lists_folder,
    open_store,
)

from labourqa.config import ANSWER_KINDS, PRECISIONS, load_settings
from labourqa.doctor import describe_installation
from labourqa.law.edition import Edition
from labourqa.methods import METHODS, QUESTION_METHODS
from labourqa.store.owners import EVERYONE
from labourqa.text import escape_markdown


def show() -> None:
    st.title(_("Settings"), anchor=False)
    with user_errors():
        _show_language()
        _show_visitor_settings()
        _show_codes()
        if is_local_user():
            _show_model()
            _show_installation()
        else:
            _show_loaded_model()
            st.caption(
                _(
                    "The owner of this machine chooses the model: with the link that the server prints at its start."
                )
            )
        _show_erasing()


def _show_language() -> None:
    names = languages()
    chosen = st.selectbox(
        _("Language of the page"),
        list(names),
        list(names).index(current_language()),
        format_func=names.__getitem__,
        key="page-language",
    )
    if chosen != current_language():
        choose_language(chosen)
        st.rerun()


def _show_visitor_settings() -> None:
    st.header(_("Your questions"), anchor=False)
    settings = current_settings()
    answer = st.segmented_control(
        _("Answer"),
        ANSWER_KINDS,
        default=settings.answer,
        required=True,
        key="answer-kind",
        format_func=_,
        help=_(
            "quoted: the code's own words; written: the model's words, each sentence checked against the code; "
            "auto: written by models with a billion parameters or more"
        ),
    )
    with st.expander(_("Advanced"), icon=":material/tune:"):
        method = st.selectbox(
            _("How the articles are read"),
            QUESTION_METHODS,
            QUESTION_METHODS.index(settings.method),
            format_func=_describe_method,
            key="method",
        )
        top = st.number_input(
            _("Select at most this many articles"),
            1,
            value=settings.top,
            placeholder=_("decided by the program"),
            key="top",
        )
        threshold = st.number_input(
            _("Select articles with at least this score"),
            value=settings.threshold,
            placeholder=_("decided by the program"),
            key="lowest-score",
        )
        answer_tokens = st.number_input(
            _("Longest written answer, in tokens"), 1, 4000, settings.answer_tokens, key="answer-tokens"
        )
    choose_settings(
        replace(
            settings, method=method, answer=answer, top=top, threshold=threshold, answer_tokens=answer_tokens
        )
    )


def _describe_method(name: str) -> str:
    what = _("chosen for the model and the machine") if name == "auto" else METHODS[name].help
    return f"{name}: {what}"


def _show_codes() -> None:
    st.header(_("Codes"), anchor=False)
    with open_store() as store:
        edition_chooser.show(current_edition(store), "settings-edition")
        stored = store.editions.describe()
    rows = [
        {
            _("code"): one.edition.code,
            _("edition"): one.edition.date or _("without a date"),
            _("articles"): one.articles,
            _("file"): one.edition.source,
            "SHA-256": one.edition.sha256[:8],
            _("for"): _("everyone") if EVERYONE in one.owners else _("you"),
        }
        for one in stored
    ]
    st.dataframe(rows, hide_index=True)
    _show_removal([one.edition for one in stored])
    code_upload.show()


def _show_removal(editions: Sequence[Edition]) -> None:
    """The visitor's own codes can be removed."""
    with open_store() as store:
        own = [edition for edition in editions if store.editions.is_own(edition)]
    if not own:
        return
    with st.popover(_("Remove a code"), icon=":material/delete:", type="tertiary"):
        chosen = st.selectbox(_("Code to remove"), own, key=f"remove-{len(own)}")
        st.write(_("Conversations about it stay, but cannot be continued."))
        if st.button(_("Remove"), key="remove-code"):
            with open_store() as store:
                store.editions.remove(chosen)
            st.rerun()


def _show_model() -> None:
    st.header(_("The model, for everyone on this server"), anchor=False)
    settings = server().settings
    with st.form("model"):
        model = st.text_input(
            _("Model"),
            settings.model,
            help=_(
                "auto, smollm2-135m, a hub id such as meta-llama/Llama-3.2-3B-Instruct, a local folder, "
                "a GGUF file or the address of an OpenAI-compatible server"
            ),
        )
        precision = st.selectbox(_("Precision"), PRECISIONS, PRECISIONS.index(settings.precision))
        if st.form_submit_button(_("Load")):
            chosen = load_settings({"model": model, "precision": precision})  # checks both
            server().load(replace(settings, model=chosen.model, precision=chosen.precision))
            st.rerun()
    _show_loaded_model()


def _show_loaded_model() -> None:
    models = server().loading.models
    if models:
        info = models.engine.info
        st.caption(
            escape_markdown(
                _("Loaded: {name} in {dtype} on {device} ({reason}).").format(
                    name=info.name, dtype=info.dtype, device=info.device, reason=models.reason
                )
            )
        )


def _show_installation() -> None:
    st.header(_("This machine"), anchor=False)
    with open_store() as store:
        lines = describe_installation(server().settings, store)
    st.table({"": lines})


def _show_erasing() -> None:
    st.header(_("Forget everything"), anchor=False)
    with open_store() as store:
        count = len(store.conversations.search())
    st.write(
        ngettext(
            "{count} conversation of yours is stored in a database on this machine, and nowhere else. Other visitors "
            "cannot see it; the owner of the machine can.",
            "{count} conversations of yours are stored in a database on this machine, and nowhere else. Other "
            "visitors cannot see them; the owner of the machine can.",
            count,
        ).format(count=count)
    )
    if days := server().settings.keep_days:
        st.write(_("A conversation that is not continued for {days} days is erased.").format(days=days))
    if st.button(_("Forget everything"), icon=":material/delete_forever:", disabled=not count, key="forget"):
        st.dialog(_("Forget everything?"))(_confirm_erasing)()


def _confirm_erasing() -> None:
    st.write(
        _(
            "All your questions, answers, lists of questions and feedback are erased from this machine for good."
        )
    )
    if st.button(_("Erase all conversations"), type="primary", key="erase"):
        with open_store() as store:
            store.conversations.erase_all()
        rmtree(lists_folder(), ignore_errors=True)
        for name in ("asking", "unstored", "conversation"):
            st.session_state.pop(name, None)
        st.rerun()


show()
