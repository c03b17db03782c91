package io.cowslip.web;

import com.fasterxml.jackson.annotation.JsonValue;

/** A number of bytes: in a request a number or a text with QEMU's suffixes, in an answer always a number. */
record ByteSize(@JsonValue long bytes) {}
