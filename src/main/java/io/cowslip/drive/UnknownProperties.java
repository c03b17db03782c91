package io.cowslip.drive;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.boot.context.properties.ConfigurationPropertiesBindHandlerAdvisor;
import org.springframework.boot.context.properties.bind.AbstractBindHandler;
import org.springframework.boot.context.properties.bind.BindContext;
import org.springframework.boot.context.properties.bind.BindHandler;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.source.ConfigurationProperty;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.boot.context.properties.source.ConfigurationPropertySource;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.boot.context.properties.source.IterableConfigurationPropertySource;
import org.springframework.boot.context.properties.source.UnboundElementsSourceFilter;
import org.springframework.core.env.Environment;

/**
 * Refuses to start with a property of the service that nothing asks for, as a request with an unknown option is refused:
 * a misspelt cache size must not be overlooked. Notes what is asked for while properties are bound, and looks through
 * files and the command line once all are. Environment variables and system properties may be anybody's, such as what
 * Kubernetes sets for a service of this name.
 */
final class UnknownProperties implements ConfigurationPropertiesBindHandlerAdvisor, SmartInitializingSingleton {
    private static final ConfigurationPropertyName ROOT = ConfigurationPropertyName.of("cowslip");

    private final Environment environment;
    private final Set<ConfigurationPropertyName> known = ConcurrentHashMap.newKeySet();

    UnknownProperties(Environment environment) {
        this.environment = environment;
    }

    @Override
    public BindHandler apply(BindHandler handler) {
        return new AbstractBindHandler(handler) {
            @Override
            public <T> @Nullable Bindable<T> onStart(
                    ConfigurationPropertyName name, Bindable<T> target, BindContext context) {
                known.add(name);
                return super.onStart(name, target, context);
            }
        };
    }

    /** @throws InvalidConfigurationPropertyValueException naming the first property that is not known */
    @Override
    public void afterSingletonsInstantiated() {
        UnboundElementsSourceFilter filter = new UnboundElementsSourceFilter();
        for (ConfigurationPropertySource source : ConfigurationPropertySources.get(environment)) {
            if (source instanceof IterableConfigurationPropertySource iterable && filter.apply(source)) {
                iterable.stream()
                        .filter(ROOT::isAncestorOf)
                        .filter(name -> !known.contains(name))
                        .findFirst()
                        .ifPresent(name -> {
                            throw unknown(name, source.getConfigurationProperty(name));
                        });
            }
        }
    }

    private InvalidConfigurationPropertyValueException unknown(
            ConfigurationPropertyName name, @Nullable ConfigurationProperty property) {
        String beside = known.stream()
                .filter(other -> name.getParent().isParentOf(other))
                .map(other -> other.getLastElement(ConfigurationPropertyName.Form.DASHED))
                .sorted()
                .distinct()
                .collect(Collectors.joining(", "));
        return new InvalidConfigurationPropertyValueException(
                name.toString(),
                property == null ? null : property.getValue(),
                beside.isEmpty()
                        ? "There is no such property."
                        : "There is no such property; known there are " + beside + ".");
    }
}
