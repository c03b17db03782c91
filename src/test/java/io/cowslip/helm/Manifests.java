package io.cowslip.helm;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;

/** Kubernetes objects, as trees of maps and lists. */
record Manifests(List<Node> objects) {

    /** One node of a tree: it fails by the path where a step leads nowhere. */
    record Node(String path, Object value) {

        boolean has(String key) {
            return map().containsKey(key);
        }

        /** The node at the end of the keys; keys are those of maps. */
        Node at(String... keys) {
            Node node = this;
            for (String key : keys) {
                String path = node.path + "." + key;
                Object next = node.map().get(key);
                if (next == null) {
                    throw new AssertionError("There is no " + path);
                }
                node = new Node(path, next);
            }
            return node;
        }

        List<Node> items() {
            List<Node> items = new ArrayList<>();
            for (Object item : (List<?>) value) {
                items.add(new Node(path + "[" + items.size() + "]", item));
            }
            return items;
        }

        /** The item of a list whose name is this. */
        Node named(String name) {
            return items().stream()
                    .filter(item -> item.text("name").equals(name))
                    .findFirst()
                    .orElseThrow(() -> new AssertionError("There is no " + name + " in " + path));
        }

        String text(String... keys) {
            return (String) at(keys).value;
        }

        int number(String... keys) {
            return (Integer) at(keys).value;
        }

        @SuppressWarnings("unchecked")
        Map<String, Object> map() {
            return (Map<String, Object>) value;
        }
    }

    static Manifests parse(String yaml) {
        List<Node> objects = new ArrayList<>();
        for (Object document : yaml().loadAll(yaml)) {
            if (document != null) {
                Node object = new Node("", document);
                objects.add(new Node(object.text("kind") + " " + object.text("metadata", "name"), document));
            }
        }
        return new Manifests(objects);
    }

    static Node parseOne(String path, String yaml) {
        return new Node(path, yaml().load(yaml));
    }

    List<String> kinds() {
        return objects.stream().map(object -> object.text("kind")).sorted().toList();
    }

    List<Node> all(String kind) {
        return objects.stream()
                .filter(object -> object.text("kind").equals(kind))
                .toList();
    }

    Node only(String kind) {
        List<Node> found = all(kind);
        if (found.size() != 1) {
            throw new AssertionError("Expected one " + kind + " and not " + found.size());
        }
        return found.getFirst();
    }

    /** The pod of the StatefulSet. */
    Node pod() {
        return only("StatefulSet").at("spec", "template");
    }

    /** The container of the service. */
    Node container() {
        return pod().at("spec", "containers").named("cowslip");
    }

    /** The configuration that the service reads, as a tree. */
    Node configuration() {
        return parseOne("application.yaml", only("ConfigMap").text("data", "application.yaml"));
    }

    private static Yaml yaml() {
        return new Yaml(new SafeConstructor(new LoaderOptions()));
    }
}
