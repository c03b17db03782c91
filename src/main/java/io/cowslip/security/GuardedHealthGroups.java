package io.cowslip.security;

import java.util.Set;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.actuate.endpoint.SecurityContext;
import org.springframework.boot.health.actuate.endpoint.AdditionalHealthEndpointPath;
import org.springframework.boot.health.actuate.endpoint.HealthEndpointGroup;
import org.springframework.boot.health.actuate.endpoint.HealthEndpointGroups;
import org.springframework.boot.health.actuate.endpoint.HttpCodeStatusMapper;
import org.springframework.boot.health.actuate.endpoint.StatusAggregator;

/**
 * Groups of health whose components and details are shown only where the configuration and the caller's rights let them.
 *
 * @param permitted whether the caller may see them
 */
record GuardedHealthGroups(HealthEndpointGroups groups, BooleanSupplier permitted) implements HealthEndpointGroups {

    @Override
    public HealthEndpointGroup getPrimary() {
        return new Group(groups.getPrimary(), permitted);
    }

    @Override
    public Set<String> getNames() {
        return groups.getNames();
    }

    @Override
    public @Nullable HealthEndpointGroup get(String name) {
        HealthEndpointGroup group = groups.get(name);
        return group == null ? null : new Group(group, permitted);
    }

    private record Group(HealthEndpointGroup group, BooleanSupplier permitted) implements HealthEndpointGroup {

        @Override
        public boolean isMember(String name) {
            return group.isMember(name);
        }

        @Override
        public boolean showComponents(SecurityContext caller) {
            return permitted.getAsBoolean() && group.showComponents(caller);
        }

        @Override
        public boolean showDetails(SecurityContext caller) {
            return permitted.getAsBoolean() && group.showDetails(caller);
        }

        @Override
        public StatusAggregator getStatusAggregator() {
            return group.getStatusAggregator();
        }

        @Override
        public HttpCodeStatusMapper getHttpCodeStatusMapper() {
            return group.getHttpCodeStatusMapper();
        }

        @Override
        public @Nullable AdditionalHealthEndpointPath getAdditionalPath() {
            return group.getAdditionalPath();
        }
    }
}
