package io.cowslip.security;

import java.net.InetAddress;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.config.BeanFactoryPostProcessor;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.core.env.Environment;

/**
 * Refuses to start, before anything is touched, where others could reach the service and nobody would be asked who they
 * are; and with a configuration of callers that contradicts itself.
 */
final class AddressCheck implements BeanFactoryPostProcessor {
    private static final String API = "server.address";
    private static final String MANAGEMENT = "management.server.address";
    private static final String AUDIENCES = "spring.security.oauth2.resourceserver.jwt.audiences";

    private final Environment environment;

    AddressCheck(Environment environment) {
        this.environment = environment;
    }

    /** @throws UnprotectedAddressException naming the property that says where the service listens */
    @Override
    public void postProcessBeanFactory(ConfigurableListableBeanFactory beans) {
        AuthenticationSetup setup = AuthenticationSetup.of(environment);
        if (setup.isWaived() && setup.isConfigured()) {
            throw new InvalidConfigurationPropertyValueException(
                    "cowslip.security.authentication",
                    "none",
                    "There are API keys or tokens as well, which nobody would be asked for. Leave one of both out.");
        }
        if (setup.tokens()
                && Binder.get(environment).bind(AUDIENCES, String[].class).orElse(new String[0]).length == 0) {
            throw new InvalidConfigurationPropertyValueException(
                    AUDIENCES,
                    null,
                    "It is missing: without it, a token that was made for another service is good here.");
        }
        if (!setup.isWaived() && !setup.isConfigured()) {
            requireLoopback(API, address(API));
            if (hasOwnManagementPort()) {
                requireLoopback(MANAGEMENT, address(MANAGEMENT));
            }
        }
    }

    private boolean hasOwnManagementPort() {
        int port = Binder.get(environment)
                .bind("management.server.port", Integer.class)
                .orElse(-1);
        return port >= 0
                && port
                        != Binder.get(environment)
                                .bind("server.port", Integer.class)
                                .orElse(8080);
    }

    private @Nullable InetAddress address(String property) {
        return Binder.get(environment).bind(property, InetAddress.class).orElse(null);
    }

    private static void requireLoopback(String property, @Nullable InetAddress address) {
        if (address == null) {
            throw new UnprotectedAddressException(property, "all addresses, as it is not set,");
        }
        if (!address.isLoopbackAddress()) {
            throw new UnprotectedAddressException(property, address.getHostAddress());
        }
    }

    /** Whether the API and Actuator are to be called by names of this machine alone. */
    static boolean isOnLoopback(Environment environment) {
        InetAddress address =
                Binder.get(environment).bind(API, InetAddress.class).orElse(null);
        return address != null && address.isLoopbackAddress();
    }
}
