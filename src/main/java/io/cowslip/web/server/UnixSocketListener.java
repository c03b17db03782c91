package io.cowslip.web.server;

import java.io.IOException;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.function.Consumer;
import org.apache.catalina.connector.Connector;
import org.apache.coyote.AbstractProtocol;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.boot.tomcat.servlet.TomcatServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;

/**
 * A second way in, for clients on the service's own host: HTTP without TLS over a Unix domain socket, whose file says who
 * may connect. A file that a process left behind which is gone is replaced; one that somebody listens at is not.
 */
final class UnixSocketListener implements WebServerFactoryCustomizer<TomcatServletWebServerFactory> {
    private static final String PATH = "cowslip.web.unix-socket";
    private static final String PERMISSIONS = "cowslip.web.unix-socket-permissions";

    /** What Linux has room for, less the byte that ends it (unix(7)). */
    private static final int MAX_PATH_BYTES = 107;

    private final Path socket;
    private final String permissions;
    private final Consumer<Connector> tuning;

    /**
     * @param permissions as {@code ls} shows them
     * @param tuning what all connectors get
     */
    UnixSocketListener(Path socket, String permissions, Consumer<Connector> tuning) {
        this.socket = socket.toAbsolutePath();
        this.permissions = permissions;
        this.tuning = tuning;
    }

    /** @throws InvalidConfigurationPropertyValueException where nothing can listen at the path */
    @Override
    public void customize(TomcatServletWebServerFactory server) {
        requirePossible();
        takeOver();
        Connector unix = new Connector(DataProtocol.class.getName());
        unix.setProperty("unixDomainSocketPath", socket.toString());
        unix.setProperty("unixDomainSocketPathPermissions", permissions);
        tuning.accept(unix);
        server.addConnectorCustomizers(main -> adoptLimits(main, unix));
        server.addAdditionalConnectors(unix);
    }

    private void requirePossible() {
        int bytes = socket.toString().getBytes(StandardCharsets.UTF_8).length;
        if (bytes > MAX_PATH_BYTES) {
            throw refused("The path has " + bytes + " bytes; a Unix domain socket's may have " + MAX_PATH_BYTES + ".");
        }
        Path folder = socket.getParent();
        if (folder == null || !Files.isDirectory(folder)) {
            throw refused("There is no folder " + folder + ".");
        }
        try {
            PosixFilePermissions.fromString(permissions);
        } catch (IllegalArgumentException malformed) {
            InvalidConfigurationPropertyValueException refusal = new InvalidConfigurationPropertyValueException(
                    PERMISSIONS, permissions, "It takes nine characters as ls shows them, such as rw-rw----.");
            refusal.addSuppressed(malformed);
            throw refusal;
        }
    }

    /** Takes a file away that nobody listens at any more. */
    private void takeOver() {
        try {
            if (!Files.exists(socket, LinkOption.NOFOLLOW_LINKS)) {
                return;
            }
            if (!Files.readAttributes(socket, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                    .isOther()) {
                throw refused("There is a file that is no socket; it is left alone.");
            }
            if (isListenedAt()) {
                throw refused("Another process listens there.");
            }
            Files.delete(socket);
        } catch (IOException e) {
            InvalidConfigurationPropertyValueException refusal = refused("The host refuses: " + e.getMessage() + ".");
            refusal.addSuppressed(e);
            throw refusal;
        }
    }

    private boolean isListenedAt() throws IOException {
        try (SocketChannel connection = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            connection.connect(UnixDomainSocketAddress.of(socket));
            return true;
        } catch (ConnectException nobody) {
            return false;
        }
    }

    private InvalidConfigurationPropertyValueException refused(String reason) {
        return new InvalidConfigurationPropertyValueException(PATH, socket, reason);
    }

    /** What the configuration says of connections holds here as well. */
    private static void adoptLimits(Connector main, Connector unix) {
        if (main.getProtocolHandler() instanceof AbstractProtocol<?> from
                && unix.getProtocolHandler() instanceof AbstractProtocol<?> to) {
            to.setMaxConnections(from.getMaxConnections());
            to.setAcceptCount(from.getAcceptCount());
            to.setConnectionTimeout(from.getConnectionTimeout());
            to.setKeepAliveTimeout(from.getKeepAliveTimeout());
            to.setMaxThreads(from.getMaxThreads());
            to.setMinSpareThreads(from.getMinSpareThreads());
        }
    }
}
