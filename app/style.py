"""The styles that all pages share, beside Streamlit's theme.

They are in the page once: a style that a fragment draws takes the place of another one when the fragment runs anew.
"""

STYLE = """<style>
/* Streamlit's own greys, and white on the light blue of the dark theme, have too little contrast (WCAG 1.4.3). */
.stApp [data-testid="stCaptionContainer"], .stApp [data-testid="stCaptionContainer"] p {
  color: light-dark(#5a6570, #aab4be); opacity: 1;
}
.stApp [data-testid^="stBaseButton-primary"] p { color: light-dark(#ffffff, #0b1a29); }

/* The list of conversations */
[class*="st-key-open-conversation-"] button { justify-content: flex-start; text-align: left; }
[class*="st-key-open-conversation-"] button p { white-space: normal; overflow-wrap: anywhere; }

/* An answer */
.only-spoken { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%); }
[class*="st-key-question-of-"] { scroll-margin-top: 4rem; }
[class*="st-key-short-answer-"] [data-testid="stMarkdown"] :not([data-testid="stCaptionContainer"]) > p {
  font-size: 1.2rem;
}
[data-testid="stChatMessage"] a[href*="article="] {
  white-space: nowrap; text-decoration: none; font-size: 0.85rem; padding: 0.1rem 0.45rem;
  border: 1px solid currentColor; border-radius: 1rem;
}
[data-testid="stChatMessage"] a[href*="article="]:is(:hover, :focus-visible) { text-decoration: underline; }

/* An article, and the pane that shows it beside an answer */
[class*="st-key-cited-"] {
  background: rgba(255, 196, 0, 0.18); border-left: 4px solid #d49a00; border-radius: 4px; padding: 0.6rem 0.8rem;
}
.st-key-article-pane {
  position: fixed; z-index: 1000000; inset: 0; overflow-y: auto; overscroll-behavior: contain;
  padding: 0 1.25rem 3rem; flex-wrap: nowrap; background: var(--page-background, Canvas);
}
.st-key-article-pane h3 { font-size: 1.25rem; padding-top: 0; }
.st-key-article-pane > :has(.st-key-article-links) {
  position: sticky; top: 0; z-index: 1; padding: 0.5rem 0; background: var(--page-background, Canvas);
}
@media (min-width: 62rem) {
  .st-key-article-pane {
    left: auto; width: min(28rem, 38vw); border-left: 1px solid rgba(128, 128, 128, 0.4);
  }
  body:has(.st-key-article-pane) [data-testid="stMain"] { margin-right: min(28rem, 38vw); width: auto; }
}

/* On paper: the answers alone, without what only works on a screen */
@media print {
  [data-testid="stSidebar"], [data-testid="stHeader"], [data-testid="stBottom"], [data-testid="stToolbar"],
  [data-testid="stChatInput"], [data-testid="stPopover"], [data-testid="stFeedback"], [data-testid="stBidiComponent"],
  [data-testid="stExpander"], [class*="st-key-"] [data-testid="stTextInput"] { display: none !important; }
  [data-testid="stAppViewContainer"], [data-testid="stMain"], .stApp, html, body {
    display: block !important; height: auto !important; overflow: visible !important; position: static !important;
  }
  [data-testid="stMainBlockContainer"] { max-width: none; padding: 0; }
  [data-testid="stText"], [data-testid="stMarkdown"] { break-inside: avoid; }
}
@media print {
  .st-key-article-pane { display: none !important; }
  body:has(.st-key-article-pane) [data-testid="stMain"] { margin-right: 0; }
}
</style>"""
