package io.cowslip.web.limit;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The budgets of all callers that have one to remember. Where there are too many, new ones share one. Any thread. */
final class CallerBudgets {
    private final CallerProperties limits;
    private final int most;
    private final Map<LimitedCaller, CallerBudget> budgets = new ConcurrentHashMap<>();
    private final CallerBudget shared;

    /** @param most callers that are told apart */
    CallerBudgets(CallerProperties limits, int most) {
        this.limits = limits;
        this.most = most;
        this.shared = new CallerBudget(limits);
    }

    CallerBudget of(LimitedCaller caller) {
        CallerBudget known = budgets.get(caller);
        if (known != null) {
            return known;
        }
        if (budgets.size() >= most) {
            budgets.values().removeIf(CallerBudget::isUntouched);
        }
        return budgets.size() >= most ? shared : budgets.computeIfAbsent(caller, newcomer -> new CallerBudget(limits));
    }

    int size() {
        return budgets.size();
    }
}
