package io.cowslip.web.json;

import com.fasterxml.jackson.annotation.JsonValue;
import io.cowslip.web.problem.TakenAs;

/** A number of bytes: in a request a number or a text with QEMU's suffixes, in an answer always a number. */
@TakenAs("a number of bytes, or a text such as \"64K\"")
public record ByteSize(@JsonValue long bytes) {}
