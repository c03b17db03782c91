package io.cowslip.web.json;

import io.cowslip.drive.registry.DriveOptionsText;
import io.cowslip.engine.image.options.EncryptOptions;
import io.cowslip.engine.image.options.ImageOptions;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Options of drives as the JSON that a request would give them in. */
record JsonDriveOptions(JsonMapper json) implements DriveOptionsText {

    @Override
    public String write(ImageOptions options) {
        ObjectNode node = json.valueToTree(LayerOptions.of(options));
        nameKeyFiles(node, options);
        return node.toString();
    }

    /** What is shown of a drive does not tell which files hold its passphrases. */
    private static void nameKeyFiles(ObjectNode node, ImageOptions options) {
        EncryptOptions encrypt = options.encrypt();
        if (encrypt != null && encrypt.keySecretFile() != null) {
            node.withObjectProperty("encrypt").put("key-secret-file", encrypt.keySecretFile());
        }
        if (options.backing() != null) {
            nameKeyFiles(node.withObjectProperty("backing"), options.backing());
        }
    }

    @Override
    public ImageOptions read(String text) {
        return json.readValue(text, LayerOptions.class).over(ImageOptions.defaults());
    }
}
