//! shell: the terminal: arguments in, answers printed; one verb, one file.
