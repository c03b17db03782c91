package io.cowslip.helm;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.helm.Manifests.Node;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The chart's objects fit each other and the service, for each set of values in {@code helm/cowslip/ci}. */
@NeedsHelm
final class ChartTest {

    @ParameterizedTest
    @ValueSource(strings = {"default", "full", "existing-claim", "ephemeral"})
    void everyObjectSaysWhatItBelongsTo(String set) throws Exception {
        for (Node object : Helm.render(set).objects()) {
            assertThat(object.at("metadata", "labels").map())
                    .as(object.path())
                    .containsKeys("app.kubernetes.io/name", "helm.sh/chart")
                    .containsEntry("app.kubernetes.io/instance", Helm.RELEASE)
                    .containsEntry("app.kubernetes.io/managed-by", "Helm");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"default", "full", "existing-claim", "ephemeral"})
    void selectorsSelectThePodAndNotTheTestPod(String set) throws Exception {
        Manifests manifests = Helm.render(set);
        Map<String, Object> pod = manifests.pod().at("metadata", "labels").map();
        Map<String, Object> testPod =
                manifests.only("Pod").at("metadata", "labels").map();

        for (Node selector : selectors(manifests)) {
            assertThat(pod.entrySet())
                    .as(selector.path())
                    .containsAll(selector.map().entrySet());
            assertThat(testPod.entrySet().containsAll(selector.map().entrySet()))
                    .as(selector.path())
                    .isFalse();
        }
    }

    private static List<Node> selectors(Manifests manifests) {
        return manifests.objects().stream()
                .filter(object -> object.has("spec"))
                .map(object -> object.at("spec"))
                .flatMap(spec -> List.of("selector", "podSelector").stream()
                        .filter(spec::has)
                        .map(spec::at)
                        // a ServiceMonitor selects services
                        .filter(selector -> !selector.path().startsWith("ServiceMonitor")))
                .map(selector -> selector.has("matchLabels") ? selector.at("matchLabels") : selector)
                .toList();
    }

    @ParameterizedTest
    @ValueSource(strings = {"default", "full"})
    void portsLeadToWhereTheServiceListens(String set) throws Exception {
        Manifests manifests = Helm.render(set);
        Node ports = manifests.container().at("ports");
        Node configuration = manifests.configuration();

        assertThat(ports.named("http").number("containerPort")).isEqualTo(configuration.number("server", "port"));
        assertThat(ports.named("management").number("containerPort"))
                .isEqualTo(configuration.number("management", "server", "port"));
        assertThat(configuration.text("server", "address")).isEqualTo("0.0.0.0");
        assertThat(configuration.text("management", "server", "address")).isEqualTo("0.0.0.0");
        for (Node service : manifests.all("Service")) {
            for (Node port : service.at("spec", "ports").items()) {
                ports.named(port.text("targetPort"));
            }
        }
        for (Node rule : manifests.only("NetworkPolicy").at("spec", "ingress").items()) {
            ports.named(rule.at("ports").items().getFirst().text("port"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"default", "full"})
    void probesAskTheHealthGroupsOnTheManagementPort(String set) throws Exception {
        Node container = Helm.render(set).container();

        for (String probe : List.of("startupProbe", "livenessProbe", "readinessProbe")) {
            Node request = container.at(probe, "httpGet");
            assertThat(request.text("port")).as(probe).isEqualTo("management");
            assertThat(request.text("path"))
                    .as(probe)
                    .isEqualTo("/actuator/health/" + (probe.startsWith("readiness") ? "readiness" : "liveness"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"default", "full", "existing-claim", "ephemeral"})
    void theImageRootIsInTheVolumeAndTheRestCannotBeWritten(String set) throws Exception {
        Manifests manifests = Helm.render(set);
        Node mounts = manifests.container().at("volumeMounts");
        String volume = mounts.named("storage").text("mountPath");

        assertThat(manifests.configuration().text("cowslip", "image-root") + "/")
                .startsWith(volume);
        assertThat(manifests.configuration().text("cowslip", "data") + "/").startsWith(volume);
        assertThat(mounts.items().stream()
                        .filter(mount -> !mount.has("readOnly"))
                        .map(mount -> mount.text("name")))
                .containsExactlyInAnyOrder("storage", "tmp");
        assertThat(manifests.container().at("securityContext").map())
                .containsEntry("readOnlyRootFilesystem", true)
                .containsEntry("allowPrivilegeEscalation", false)
                .containsEntry("capabilities", Map.of("drop", List.of("ALL")));
        assertThat(manifests.pod().at("spec", "securityContext").map())
                .containsEntry("runAsNonRoot", true)
                .containsEntry("fsGroupChangePolicy", "OnRootMismatch")
                .containsEntry("seccompProfile", Map.of("type", "RuntimeDefault"));
        assertThat(manifests.pod().at("spec", "automountServiceAccountToken").value())
                .isEqualTo(false);
    }

    @Test
    void theVolumeIsAClaimOfTheSetAnExistingOneOrNone() throws Exception {
        Node made = Helm.render("default").only("StatefulSet").at("spec");
        Node existing = Helm.render("existing-claim").only("StatefulSet").at("spec");
        Node ephemeral = Helm.render("ephemeral").only("StatefulSet").at("spec");

        assertThat(made.at("volumeClaimTemplates").items().getFirst().text("metadata", "name"))
                .isEqualTo("storage");
        assertThat(existing.has("volumeClaimTemplates")).isFalse();
        assertThat(storage(existing).text("persistentVolumeClaim", "claimName")).isEqualTo("images");
        assertThat(ephemeral.has("volumeClaimTemplates")).isFalse();
        assertThat(storage(ephemeral).has("emptyDir")).isTrue();
    }

    private static Node storage(Node statefulSet) {
        return statefulSet.at("template", "spec", "volumes").named("storage");
    }

    @Test
    void switchesAddObjectsAndNothingElseDoes() throws Exception {
        assertThat(Helm.render("default").kinds())
                .containsExactly(
                        "ConfigMap", "NetworkPolicy", "Pod", "Service", "Service", "ServiceAccount", "StatefulSet");
        assertThat(Helm.render("ephemeral").kinds())
                .containsExactly("ConfigMap", "Pod", "Service", "Service", "StatefulSet");
        assertThat(Helm.render("full").kinds())
                .containsExactly(
                        "ConfigMap",
                        "HTTPRoute",
                        "Ingress",
                        "NetworkPolicy",
                        "Pod",
                        "PodDisruptionBudget",
                        "Service",
                        "Service",
                        "ServiceAccount",
                        "ServiceMonitor",
                        "StatefulSet");
    }

    @Test
    void aServiceMonitorFindsItsPortInOneService() throws Exception {
        Manifests manifests = Helm.render("full");
        Node monitor = manifests.only("ServiceMonitor").at("spec");
        Map<String, Object> selector = monitor.at("selector", "matchLabels").map();

        List<Node> services = manifests.all("Service").stream()
                .filter(service ->
                        service.at("metadata", "labels").map().entrySet().containsAll(selector.entrySet()))
                .toList();

        assertThat(services).hasSize(1);
        Node endpoint = monitor.at("endpoints").items().getFirst();
        services.getFirst().at("spec", "ports").named(endpoint.text("port"));
        assertThat(endpoint.text("path")).isEqualTo("/actuator/prometheus");
        Node exposed = manifests.configuration().at("management", "endpoints", "web", "exposure", "include");
        assertThat(exposed.items().stream().map(Node::value)).contains("health", "prometheus");
    }

    @Test
    void ingressAndRouteLeadToTheApi() throws Exception {
        Manifests manifests = Helm.render("full");
        Node service = manifests.all("Service").stream()
                .filter(candidate -> !candidate.at("spec").has("clusterIP"))
                .findFirst()
                .orElseThrow();
        String name = service.text("metadata", "name");
        int port = service.at("spec", "ports").named("http").number("port");

        Node ingress = manifests.only("Ingress");
        Node path = ingress.at("spec", "rules")
                .items()
                .getFirst()
                .at("http", "paths")
                .items()
                .getFirst();
        assertThat(path.text("backend", "service", "name")).isEqualTo(name);
        assertThat(path.text("backend", "service", "port", "name")).isEqualTo("http");
        assertThat(ingress.at("metadata", "annotations").map())
                .containsEntry("nginx.ingress.kubernetes.io/proxy-body-size", "0")
                .containsEntry("nginx.ingress.kubernetes.io/proxy-request-buffering", "off");
        Node rule = manifests.only("HTTPRoute").at("spec", "rules").items().getFirst();
        Node backend = rule.at("backendRefs").items().getFirst();
        assertThat(backend.text("name")).isEqualTo(name);
        assertThat(backend.number("port")).isEqualTo(port);
        assertThat(rule.text("timeouts", "request")).isEqualTo("0s");
    }

    @Test
    void byDefaultOnlyTheNamespaceIsLetInAndNothingOut() throws Exception {
        Node policy = Helm.render("default").only("NetworkPolicy").at("spec");

        assertThat(policy.at("policyTypes").value()).isEqualTo(List.of("Ingress", "Egress"));
        assertThat(policy.at("egress").items()).isEmpty();
        for (Node rule : policy.at("ingress").items()) {
            assertThat(rule.at("from").value()).isEqualTo(List.of(Map.of("podSelector", Map.of())));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"default", "full", "ephemeral"})
    void thePodIsGivenTheTimeToStop(String set) throws Exception {
        Manifests manifests = Helm.render(set);
        Node container = manifests.container();
        int preStop = container.has("lifecycle") ? container.number("lifecycle", "preStop", "sleep", "seconds") : 0;
        String timeout = manifests.configuration().text("spring", "lifecycle", "timeout-per-shutdown-phase");

        assertThat(timeout).matches("\\d+s");
        assertThat(manifests.pod().number("spec", "terminationGracePeriodSeconds"))
                .isGreaterThan(preStop + Integer.parseInt(timeout.replace("s", "")));
    }

    @Test
    void sizesAreWholeNumbersInTheConfiguration() throws Exception {
        Node defaults = Helm.render("full").configuration().at("cowslip", "drive-defaults");

        assertThat(defaults.number("l2-cache-size")).isEqualTo(8 << 20);
        assertThat(defaults.at("cache-clean-interval").value()).isEqualTo(0xFFFF_FFFFL);
    }

    @Test
    void theChartIsOfThisVersion() throws Exception {
        assertThat(Helm.render("default").container().text("image")).isEqualTo("cowslip:" + projectVersion());
    }

    private static String projectVersion() throws IOException {
        Properties build = new Properties();
        try (InputStream stream = ChartTest.class.getResourceAsStream("/META-INF/build-info.properties")) {
            build.load(stream);
        }
        return build.getProperty("build.version");
    }
}
