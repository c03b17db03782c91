package io.cowslip.security;

/** The service was to listen where others can reach it, with nothing that tells callers apart. */
final class UnprotectedAddressException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final String property;

    /**
     * @param property what says where the service listens
     * @param place where that is
     */
    UnprotectedAddressException(String property, String place) {
        super(property + " has the service listen on " + place
                + ", where other machines may reach it, and nothing is configured that tells callers apart");
        this.property = property;
    }

    String property() {
        return property;
    }
}
