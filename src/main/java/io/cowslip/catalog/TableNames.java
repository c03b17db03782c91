package io.cowslip.catalog;

import org.springframework.data.relational.core.mapping.NamingStrategy;

/** Tables are called as their rows' classes are, without the last word. */
final class TableNames implements NamingStrategy {
    private static final String ROW = "_row";

    @Override
    public String getTableName(Class<?> type) {
        String name = NamingStrategy.super.getTableName(type);
        return name.endsWith(ROW) ? name.substring(0, name.length() - ROW.length()) : name;
    }
}
