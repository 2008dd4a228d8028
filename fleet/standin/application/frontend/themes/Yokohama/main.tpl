{!body}
