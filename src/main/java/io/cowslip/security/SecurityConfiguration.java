package io.cowslip.security;

import io.cowslip.access.Caller;
import jakarta.servlet.Filter;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.health.actuate.endpoint.HealthEndpointGroupsPostProcessor;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.security.authentication.AuthenticationManager;
import org.springframework.security.config.BeanIds;
import org.springframework.security.oauth2.jwt.JwtDecoder;
import org.springframework.security.oauth2.server.resource.authentication.JwtAuthenticationProvider;
import org.springframework.security.oauth2.server.resource.web.BearerTokenResolver;
import org.springframework.security.oauth2.server.resource.web.DefaultBearerTokenResolver;
import org.springframework.security.oauth2.server.resource.web.authentication.BearerTokenAuthenticationFilter;
import org.springframework.security.web.DefaultSecurityFilterChain;
import org.springframework.security.web.FilterChainProxy;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.access.ExceptionTranslationFilter;
import org.springframework.security.web.access.intercept.AuthorizationFilter;
import org.springframework.security.web.authentication.AnonymousAuthenticationFilter;
import org.springframework.security.web.authentication.AuthenticationEntryPointFailureHandler;
import org.springframework.security.web.context.NullSecurityContextRepository;
import org.springframework.security.web.context.SecurityContextHolderFilter;
import org.springframework.security.web.util.matcher.AnyRequestMatcher;
import org.springframework.web.servlet.HandlerExceptionResolver;

/**
 * Wires who may call. The filters are few and put together by hand, since every request for data passes them: nothing of
 * sessions, forms, or pages to log in with is here to be turned off.
 */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties(AccessProperties.class)
class SecurityConfiguration {

    @Bean
    static AddressCheck addressCheck(Environment environment) {
        return new AddressCheck(environment);
    }

    @Bean
    EndpointRules endpointRules(Environment environment) {
        String base = environment.getProperty("management.endpoints.web.base-path", "/actuator");
        String server = environment.getProperty("management.server.base-path", "");
        return new EndpointRules(Stream.of(base, server + base).distinct().toList());
    }

    @Bean
    SecurityFilterChain securityFilters(
            Environment environment,
            EndpointRules rules,
            ObjectProvider<JwtDecoder> decoder,
            ObjectProvider<AuthenticationFailures> failures,
            @Qualifier("handlerExceptionResolver") ObjectProvider<HandlerExceptionResolver> resolver) {
        AuthenticationSetup setup = AuthenticationSetup.of(environment);
        AccessAnswers answers = new AccessAnswers(resolver::getObject);
        return new DefaultSecurityFilterChain(
                AnyRequestMatcher.INSTANCE,
                setup.isConfigured()
                        ? authenticating(
                                setup.properties(),
                                rules,
                                decoder.getIfAvailable(),
                                failures.getIfAvailable(() -> AuthenticationFailures.UNCOUNTED),
                                answers)
                        : List.of(new OwnPagesFilter(
                                answers,
                                AddressCheck.isOnLoopback(environment),
                                setup.properties().allowedHosts())));
    }

    private static List<Filter> authenticating(
            AccessProperties properties,
            EndpointRules rules,
            @Nullable JwtDecoder decoder,
            AuthenticationFailures counted,
            AccessAnswers answers) {
        BearerTokenAuthenticationFilter bearer = new BearerTokenAuthenticationFilter(
                new BearerAuthentication(ApiKeys.of(properties.apiKeys()), tokens(properties, decoder), counted));
        AuthenticationEntryPointFailureHandler failures = new AuthenticationEntryPointFailureHandler(answers);
        failures.setRethrowAuthenticationServiceException(false);
        bearer.setAuthenticationFailureHandler(failures);
        bearer.setAuthenticationEntryPoint(answers);
        bearer.setBearerTokenResolver(unlessByTicket());
        ExceptionTranslationFilter refusals = new ExceptionTranslationFilter(answers);
        refusals.setAccessDeniedHandler(answers);
        return List.of(
                new SecurityContextHolderFilter(new NullSecurityContextRepository()),
                bearer,
                new AnonymousAuthenticationFilter("cowslip"),
                refusals,
                new AuthorizationFilter(new EndpointAuthorization(rules)),
                new CallerFilter());
    }

    private static @Nullable AuthenticationManager tokens(AccessProperties properties, @Nullable JwtDecoder decoder) {
        if (decoder == null) {
            return null;
        }
        JwtAuthenticationProvider provider = new JwtAuthenticationProvider(decoder);
        TokenCallers callers = new TokenCallers(properties.jwt().prefixesClaim());
        provider.setJwtAuthenticationConverter(callers::convert);
        return provider::authenticate;
    }

    /** A ticket says all: what else its holder's client sends along is not looked at. */
    private static BearerTokenResolver unlessByTicket() {
        DefaultBearerTokenResolver header = new DefaultBearerTokenResolver();
        return request -> request.getRequestURI().startsWith("/images/") ? null : header.resolve(request);
    }

    /**
     * In the place of what Spring Security would put together, under the name that Spring Boot looks for. A single filter
     * needs no proxy, which would cost each request for data a wrapper.
     */
    @Bean(BeanIds.SPRING_SECURITY_FILTER_CHAIN)
    Filter springSecurityFilterChain(SecurityFilterChain filters) {
        if (filters.getFilters().size() == 1) {
            return filters.getFilters().getFirst();
        }
        FilterChainProxy proxy = new FilterChainProxy(filters);
        proxy.setFirewall(new PlainFirewall());
        return proxy;
    }

    /** Everybody may know whether the service is well; what it is made of is for those who watch over it. */
    @Bean
    HealthEndpointGroupsPostProcessor healthDetails() {
        return groups -> new GuardedHealthGroups(groups, () -> Caller.current().mayMonitor());
    }
}
