package io.cowslip.web.limit;

import io.cowslip.drive.LimitProperties;
import io.cowslip.job.JobService;
import io.cowslip.security.AuthenticationFailures;
import io.cowslip.ticket.TicketId;
import io.cowslip.ticket.Tickets;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.web.servlet.HandlerExceptionResolver;

/** Wires the limits of callers and of bodies. */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties(CallerProperties.class)
class LimitConfiguration {
    /** After the filters that find out who asks, which Spring Security has at -100. */
    private static final int AFTER_AUTHENTICATION = -90;

    private static final int MAX_CALLERS = 10_000;

    @Bean
    FilterRegistrationBean<CallerLimits> callerLimits(
            CallerProperties limits,
            Tickets tickets,
            @Qualifier("handlerExceptionResolver") HandlerExceptionResolver problems) {
        FilterRegistrationBean<CallerLimits> filter = new FilterRegistrationBean<>(new CallerLimits(
                new CallerBudgets(limits, MAX_CALLERS),
                token -> tickets.idOf(token).map(TicketId::value),
                problems));
        filter.setOrder(AFTER_AUTHENTICATION);
        filter.setEnabled(limits.limitRequests());
        return filter;
    }

    @Bean
    FilterRegistrationBean<JsonBodyLimit> jsonBodyLimit(
            LimitProperties limits, @Qualifier("handlerExceptionResolver") HandlerExceptionResolver problems) {
        FilterRegistrationBean<JsonBodyLimit> filter =
                new FilterRegistrationBean<>(new JsonBodyLimit(limits.jsonBody().bytes(), problems));
        filter.setOrder(AFTER_AUTHENTICATION + 1);
        return filter;
    }

    @Bean
    AuthenticationFailures authenticationFailures(CallerProperties limits) {
        int perSecond = limits.authenticationFailuresPerSecond();
        return perSecond == 0 ? AuthenticationFailures.UNCOUNTED : new AddressFailures(perSecond, MAX_CALLERS);
    }

    @Bean
    CallerJobs callerJobs(JobService jobs, CallerProperties limits) {
        return new CallerJobs(jobs, limits);
    }
}
