package io.cowslip.engine.image.export;

import java.io.IOException;

/** What finding out what an export consists of depends on, which may take long and much memory. */
public interface ExportPlanning {

    /** Fails where nobody waits for the export any more. Called again and again, many thousand times per second. */
    void requireWanted() throws IOException;

    /** Called before the plan takes so many more bytes of the heap, until it is closed; fails where it may not. */
    void reserve(long bytes) throws IOException;
}
