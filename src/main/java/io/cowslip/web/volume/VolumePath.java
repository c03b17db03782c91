package io.cowslip.web.volume;

/** Paths of requests that name volumes. */
public final class VolumePath {
    private VolumePath() {}

    /** What a path below /volumes names: the pattern takes it with its leading slash. */
    public static String name(String path) {
        return path.substring(1);
    }
}
