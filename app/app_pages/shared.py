"""An answer that somebody shares, at an address with its token. Its reader need not be its owner."""

import answer_view
import streamlit as st
from language import _
from messages import user_errors
from visitor import open_store


def show() -> None:
    with user_errors():
        token = st.query_params.get("answer", "")
        with open_store() as store:
            answer = store.shared.read(token) if token else None
        if answer is None:
            st.title(_("Shared answer"), anchor=False)
            st.info(_("This link leads to no answer: it is incomplete, or the answer is no longer shared."))
            return
        st.title(answer.report.question.replace("\n", " "), anchor=False)
        st.caption(_("Asked on {date}, and shared by its owner.").format(date=answer.asked_at[:10]))
        answer_view.show_answer(answer, "shared")


show()
