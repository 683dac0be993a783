//! shell: a simulated Thoughtly on loopback, so that anybody can try a schedule without phoning anybody.
