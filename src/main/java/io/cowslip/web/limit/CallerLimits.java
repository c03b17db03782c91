package io.cowslip.web.limit;

import io.cowslip.ticket.TicketToken;
import io.cowslip.web.problem.Refusal;
import io.cowslip.web.server.ConnectionAdapter;
import jakarta.servlet.AsyncEvent;
import jakarta.servlet.AsyncListener;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Optional;
import java.util.function.Function;
import org.springframework.web.filter.OncePerRequestFilter;
import org.springframework.web.servlet.HandlerExceptionResolver;

/** Refuses the requests of callers that ask too much. After those filters that find out who asks. */
final class CallerLimits extends OncePerRequestFilter {
    private final CallerBudgets budgets;
    private final Function<TicketToken, Optional<String>> ticketIds;
    private final HandlerExceptionResolver problems;

    /** @param problems what becomes of failures */
    CallerLimits(
            CallerBudgets budgets,
            Function<TicketToken, Optional<String>> ticketIds,
            HandlerExceptionResolver problems) {
        this.budgets = budgets;
        this.ticketIds = ticketIds;
        this.problems = problems;
    }

    @Override
    protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws ServletException, IOException {
        CallerBudget budget = budgets.of(LimitedCaller.of(request, ticketIds));
        try {
            budget.enter(response);
        } catch (Refusal refused) {
            problems.resolveException(request, response, null, refused);
            return;
        }
        boolean leaves = true;
        try {
            if (budget.countsBytes()) {
                ConnectionAdapter.spend(request, budget::spend);
            }
            chain.doFilter(request, response);
            if (request.isAsyncStarted()) {
                request.getAsyncContext().addListener(new Leaving(budget));
                leaves = false;
            }
        } finally {
            if (leaves) {
                budget.leave();
            }
        }
    }

    /** An answer that goes on without its thread. */
    private record Leaving(CallerBudget budget) implements AsyncListener {
        @Override
        public void onComplete(AsyncEvent event) {
            budget.leave();
        }

        @Override
        public void onTimeout(AsyncEvent event) {}

        @Override
        public void onError(AsyncEvent event) {}

        @Override
        public void onStartAsync(AsyncEvent event) {}
    }
}
