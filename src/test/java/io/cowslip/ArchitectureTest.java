package io.cowslip;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.belongToAnyOf;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;

/** Who may import whom. A rule about a package holds from the day that the package appears. */
@AnalyzeClasses(packages = "io.cowslip", importOptions = ImportOption.DoNotIncludeTests.class)
final class ArchitectureTest {
    private static final String ROOT = "io.cowslip.";
    private static final String ENGINE = ROOT + "engine";

    /** Names that could stand for anything. */
    private static final String VAGUE = ".*(Impl|Manager|Utils?|Helper)";

    @ArchTest
    static final ArchRule THE_ENGINES_FAILURE_AND_SIZES_USE_NOTHING = mayUse(ENGINE);

    @ArchTest
    static final ArchRule HOST_IS_THE_BOTTOM = mayUse(ENGINE + ".host", ENGINE);

    @ArchTest
    static final ArchRule FORMAT_IS_PURE = mayUse(ENGINE + ".format", ENGINE);

    @ArchTest
    static final ArchRule FOREIGN_FORMATS_ARE_PURE = mayUse(ENGINE + ".foreign.format", ENGINE, ENGINE + ".format");

    @ArchTest
    static final ArchRule FOREIGN_DISKS_STAND_ON_THEIR_FORMATS = mayUse(
            ENGINE + ".foreign",
            ENGINE,
            ENGINE + ".foreign.format",
            ENGINE + ".codec",
            ENGINE + ".format",
            ENGINE + ".host");

    @ArchTest
    static final ArchRule CODEC_KNOWS_THE_FORMAT_AT_MOST = mayUse(ENGINE + ".codec", ENGINE, ENGINE + ".format");

    @ArchTest
    static final ArchRule CACHE_STANDS_ON_FORMAT =
            mayUse(ENGINE + ".cache", ENGINE, ENGINE + ".format", ENGINE + ".host");

    @ArchTest
    static final ArchRule ALLOC_STANDS_ON_CACHE =
            mayUse(ENGINE + ".alloc", ENGINE, ENGINE + ".cache", ENGINE + ".format", ENGINE + ".host");

    @ArchTest
    static final ArchRule WORK_KNOWS_NO_IMAGES = mayUse(ENGINE + ".work", ENGINE);

    @ArchTest
    static final ArchRule OPTIONS_STAND_ON_FORMATS =
            partMayUse("image.options", "cache", "codec", "foreign", "format", "host");

    @ArchTest
    static final ArchRule FILES_ARE_READ_BY_OPTIONS =
            partMayUse("image.file", "cache", "foreign", "format", "host", "image.options");

    @ArchTest
    static final ArchRule ENCRYPTION_STANDS_ON_FILES =
            partMayUse("image.encryption", "codec", "format", "host", "image.file", "image.options");

    @ArchTest
    static final ArchRule THE_MAP_STANDS_ON_ALLOCATION = partMayUse(
            "image.map", "alloc", "cache", "format", "host", "image.encryption", "image.file", "image.options");

    @ArchTest
    static final ArchRule BITMAPS_STAND_ON_THE_MAP =
            partMayUse("image.bitmap", "alloc", "format", "host", "image.file", "image.map");

    @ArchTest
    static final ArchRule SNAPSHOTS_STAND_ON_MAP_AND_BITMAPS =
            partMayUse("image.snapshot", "alloc", "cache", "format", "host", "image.bitmap", "image.file", "image.map");

    /** A check trusts nothing that an image is opened with. */
    @ArchTest
    static final ArchRule CHECKS_STAND_ON_FORMAT_AND_FILE =
            partMayUse("image.check", "format", "host", "image.file", "work");

    @ArchTest
    static final ArchRule LAYERS_STAND_ON_ALL_THESE = partMayUse("image.layer", withImageParts());

    @ArchTest
    static final ArchRule IMAGE_IS_THE_ENGINES_FACE = partMayUse("image", withImageParts("image.layer"));

    @ArchTest
    static final ArchRule CREATION_STANDS_ON_IMAGES =
            partMayUse("image.create", withImageParts("image", "image.layer"));

    @ArchTest
    static final ArchRule CONVERSION_STANDS_ON_IMAGES =
            partMayUse("image.convert", withImageParts("image", "image.layer"));

    @ArchTest
    static final ArchRule SCRUBS_STAND_ON_IMAGES = partMayUse("image.scrub", withImageParts("image", "image.layer"));

    @ArchTest
    static final ArchRule EXPORT_STANDS_ON_IMAGES = partMayUse("image.export", withImageParts("image", "image.layer"));

    /** Drives give images what they take from the outside: host files, and caches as beans. */
    @ArchTest
    static final ArchRule DRIVES_STAND_ON_IMAGES = mayUse(
            ROOT + "drive..",
            ROOT + "access",
            ENGINE,
            ENGINE + ".image..",
            ENGINE + ".work",
            ENGINE + ".cache",
            ENGINE + ".host",
            ENGINE + ".format");

    @ArchTest
    static final ArchRule CLAIMS_AND_PROPERTIES_STAND_ON_NO_DRIVES = servicePartMayUse("drive");

    @ArchTest
    static final ArchRule VOLUMES_STAND_ON_CLAIMS = servicePartMayUse("drive.volume", "drive");

    @ArchTest
    static final ArchRule OPEN_DRIVES_STAND_ON_VOLUMES = servicePartMayUse("drive.registry", "drive", "drive.volume");

    @ArchTest
    static final ArchRule UPLOADS_STAND_ON_VOLUMES_AND_DRIVES =
            servicePartMayUse("drive.upload", "drive", "drive.volume", "drive.registry");

    @ArchTest
    static final ArchRule WORK_STANDS_ON_ALL_OF_THE_SERVICE_LAYER =
            servicePartMayUse("drive.work", "drive", "drive.volume", "drive.registry", "drive.upload");

    @ArchTest
    static final ArchRule JOBS_STAND_ON_DRIVES =
            mayUse(ROOT + "job..", ROOT + "access", ROOT + "drive..", ENGINE, ENGINE + ".image..", ENGINE + ".work");

    @ArchTest
    static final ArchRule TICKETS_STAND_ON_DRIVES =
            mayUse(ROOT + "ticket..", ROOT + "access", ROOT + "drive..", ENGINE, ENGINE + ".image..");

    @ArchTest
    static final ArchRule WEB_STANDS_ON_DRIVES_TICKETS_AND_JOBS = mayUse(
            ROOT + "web..",
            ROOT + "access",
            ROOT + "security",
            ROOT + "drive..",
            ROOT + "ticket..",
            ROOT + "job..",
            ENGINE,
            ENGINE + ".image..",
            ENGINE + ".cache");

    @ArchTest
    static final ArchRule OBSERVE_SEES_DRIVES_TICKETS_AND_STATS = mayUse(
            ROOT + "observe..",
            ROOT + "access",
            ROOT + "drive..",
            ROOT + "ticket..",
            ENGINE,
            ENGINE + ".image..",
            ENGINE + ".cache");

    @ArchTest
    static final ArchRule PROBLEMS_STAND_ON_NOTHING_OF_THE_WEBS = webPartMayUse("problem");

    @ArchTest
    static final ArchRule CONNECTIONS_STAND_ON_PROBLEMS = webPartMayUse("server", "problem");

    @ArchTest
    static final ArchRule LIMITS_STAND_ON_CONNECTIONS = webPartMayUse("limit", "problem", "server");

    @ArchTest
    static final ArchRule JSON_STANDS_ON_PROBLEMS = webPartMayUse("json", "problem");

    @ArchTest
    static final ArchRule THE_DESCRIPTION_STANDS_ON_PROBLEMS_AND_JSON = webPartMayUse("openapi", "problem", "json");

    @ArchTest
    static final ArchRule DATA_STANDS_ON_CONNECTIONS = webPartMayUse("data", "problem", "server", "json", "openapi");

    @ArchTest
    static final ArchRule VOLUMES_STAND_ON_JSON = webPartMayUse("volume", "problem", "json", "openapi");

    @ArchTest
    static final ArchRule DRIVES_AS_RESOURCES_STAND_ON_JSON =
            webPartMayUse("drive", "problem", "json", "openapi", "data");

    @ArchTest
    static final ArchRule JOBS_AS_RESOURCES_STAND_ON_VOLUMES =
            webPartMayUse("job", "problem", "json", "openapi", "data", "volume", "limit");

    @ArchTest
    static final ArchRule FILES_AS_RESOURCES_STAND_ON_JOBS =
            webPartMayUse("upload", "problem", "server", "json", "openapi", "data", "volume", "limit", "job");

    /** What is public in the parts of an image is so for each other; outside the engine only their values are used. */
    @ArchTest
    static final ArchRule PARTS_OF_IMAGES_ARE_THE_ENGINES = noClasses()
            .that()
            .resideOutsideOfPackage(ENGINE + "..")
            .should()
            .dependOnClassesThat(resideInAnyPackage(
                            ENGINE + ".image.file",
                            ENGINE + ".image.encryption",
                            ENGINE + ".image.map",
                            ENGINE + ".image.bitmap",
                            ENGINE + ".image.snapshot",
                            ENGINE + ".image.check",
                            ENGINE + ".image.layer")
                    .and(not(areRecordsOrEnums()))
                    .and(not(simpleNameOfTopLevel("FileReferences", "ImageCheck"))));

    @ArchTest
    static final ArchRule WHO_CALLS_IS_PLAIN = mayUse(ROOT + "access");

    @ArchTest
    static final ArchRule SECURITY_KNOWS_CALLERS_ALONE = mayUse(ROOT + "security", ROOT + "access");

    @ArchTest
    static final ArchRule CALLERS_ARE_ASKED_IN_ONE_PLACE = noClasses()
            .that()
            .resideOutsideOfPackage(ROOT + "security")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("org.springframework.security..");

    @ArchTest
    static final ArchRule THE_CATALOGUE_SERVES_DRIVES_JOBS_AND_TICKETS =
            mayUse(ROOT + "catalog..", ROOT + "access", ROOT + "drive..", ROOT + "job..", ROOT + "ticket..");

    @ArchTest
    static final ArchRule DATABASES_ARE_THE_CATALOGUES = noClasses()
            .that()
            .resideOutsideOfPackage(ROOT + "catalog..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(
                    "java.sql..",
                    "javax.sql..",
                    "org.springframework.data..",
                    "org.springframework.jdbc..",
                    "org.springframework.dao..",
                    "org.springframework.transaction..",
                    "org.flywaydb..");

    @ArchTest
    static final ArchRule WEB_HAS_IMAGES_BY_LEASE_ONLY = noClasses()
            .that()
            .resideInAnyPackage(ROOT + "web..", ROOT + "observe..")
            .should()
            .accessTargetWhere(ownedBy(ENGINE + ".image.DiskImage").and(targetNamed("open", "close")))
            .orShould()
            .accessTargetWhere(ownedBy(ENGINE + ".image.create.ImageCreator"))
            .allowEmptyShould(true);

    @ArchTest
    static final ArchRule OBSERVE_READS_RECORDS_ONLY = noClasses()
            .that()
            .resideInAPackage(ROOT + "observe..")
            .should()
            .dependOnClassesThat(
                    resideInAnyPackage(ENGINE + ".image..", ENGINE + ".cache").and(not(areRecordsOrEnums())))
            .allowEmptyShould(true);

    @ArchTest
    static final ArchRule NO_CYCLES =
            slices().matching("io.cowslip.(**)").should().beFreeOfCycles();

    @ArchTest
    static final ArchRule THE_ENGINE_IS_PLAIN_JAVA = classes()
            .that()
            .resideInAPackage(ENGINE + "..")
            .and()
            .resideOutsideOfPackage(ENGINE + ".codec")
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage("java..", "org.jspecify..", ENGINE + "..");

    @ArchTest
    static final ArchRule CODEC_HAS_ZSTD_AND_THE_JDKS_CIPHERS_BESIDES = classes()
            .that()
            .resideInAPackage(ENGINE + ".codec")
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage("java..", "javax.crypto..", "org.jspecify..", ENGINE + "..", "com.github.luben.zstd..")
            .allowEmptyShould(true);

    @ArchTest
    static final ArchRule NATIVE_CALLS_ARE_THE_HOSTS = noClasses()
            .that()
            .resideOutsideOfPackage(ENGINE + ".host")
            .should()
            .dependOnClassesThat(belongToAnyOf(java.lang.foreign.Linker.class, java.lang.foreign.SymbolLookup.class)
                    .or(nameMatching("java\\.nio\\.channels\\.(Async.*)?FileChannel")))
            .orShould()
            .accessTargetWhere(ownedBy("java.lang.foreign.MemorySegment").and(targetNamed("reinterpret")))
            .orShould()
            .accessTargetWhere(ownedBy("java.lang.foreign.AddressLayout").and(targetNamed("withTargetLayout")))
            .orShould()
            .accessTargetWhere(ownedBy("java.lang.System").and(targetNamed("load", "loadLibrary")));

    /** "Arguments to helpers" (Incus CVE-2026-48755): where no program is started, nobody's option is one of its arguments. */
    @ArchTest
    static final ArchRule NO_PROGRAM_IS_STARTED = noClasses()
            .should()
            .dependOnClassesThat(belongToAnyOf(ProcessBuilder.class))
            .orShould()
            .accessTargetWhere(ownedBy("java.lang.Runtime").and(targetNamed("exec")));

    /** The write order lives in one file. */
    @ArchTest
    static final ArchRule SYNCS_ARE_ORDERED_IN_ONE_PLACE = noClasses()
            .that()
            .resideInAPackage("io.cowslip..")
            .and()
            .resideOutsideOfPackage(ENGINE + ".host")
            .and(not(simpleNameOfTopLevel(
                    "WriteBarrier", "UnsyncedData", "ImageCreator", "UploadContent", "UploadLog", "VolumeWipe")))
            .should()
            .accessTargetWhere(ownedBy(ENGINE + ".host.HostFile").and(targetNamed("sync")));

    @ArchTest
    static final ArchRule FOLDERS_ARE_SYNCED_WHERE_FILES_GET_THEIR_NAMES = noClasses()
            .that()
            .resideInAPackage("io.cowslip..")
            .and()
            .resideOutsideOfPackage(ENGINE + ".host")
            .and(not(simpleNameOfTopLevel("ImageCreator", "ImageRoot", "PendingVolume", "UploadContent")))
            .should()
            .accessTargetWhere(ownedBy(ENGINE + ".host.HostFiles").and(targetNamed("syncFolder")));

    @ArchTest
    static final ArchRule HTTP_IS_THE_WEBS = noClasses()
            .that()
            .resideOutsideOfPackages(ROOT + "web..", ROOT + "security..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("jakarta.servlet..", "org.springframework.web..");

    @ArchTest
    static final ArchRule METERS_ARE_OBSERVES = noClasses()
            .that()
            .resideOutsideOfPackage(ROOT + "observe..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("io.micrometer..");

    /** The configuration makes the scheduler; only what cleans up uses it. */
    @ArchTest
    static final ArchRule SCHEDULING_IS_THE_CLEANERS = noClasses()
            .that(not(simpleNameOfTopLevel("CacheCleaner", "UploadExpiry")))
            .and(not(simpleNameOfTopLevel("RegistryConfiguration", "UploadConfiguration")))
            .should()
            .dependOnClassesThat()
            .resideInAPackage("org.springframework.scheduling..");

    @ArchTest
    static final ArchRule THE_ENGINE_READS_NO_CLOCK = noClasses()
            .that()
            .resideInAPackage(ENGINE + "..")
            .should()
            .dependOnClassesThat(resideInAPackage("java.time..")
                    .and(nameMatching("java\\.time\\.(Clock|InstantSource|.*Instant|(Local|Offset|Zoned)Date.*)")))
            .orShould()
            .accessTargetWhere(ownedBy("java.lang.System").and(targetNamed("nanoTime", "currentTimeMillis")))
            .orShould()
            .accessTargetWhere(ownedBy("java.lang.Thread").and(targetNamed("sleep")));

    @ArchTest
    static final ArchRule NAMES_SAY_WHAT_THINGS_ARE =
            noClasses().should().haveSimpleNameEndingWith("Impl").orShould().haveNameMatching(VAGUE);

    @ArchTest
    static final ArchRule CONTROLLERS_AND_CONFIGURATIONS_STAY_IN_THEIR_PACKAGE = classes()
            .that()
            .haveSimpleNameEndingWith("Controller")
            .or()
            .haveSimpleNameEndingWith("Configuration")
            .should()
            .bePackagePrivate()
            .allowEmptyShould(true);

    @ArchTest
    static final ArchRule EVERY_PACKAGE_IS_NULL_MARKED = classes()
            .that(not(DescribedPredicate.describe(
                    "are package descriptions", c -> c.getSimpleName().equals("package-info"))))
            .should(resideInANullMarkedPackage());

    private static ArchRule mayUse(String user, String... used) {
        Set<String> allowed = new HashSet<>(Set.of(used));
        allowed.add(user);
        return classes()
                .that()
                .resideInAPackage(user)
                .should()
                .onlyDependOnClassesThat(
                        resideInAnyPackage(allowed.toArray(String[]::new)).or(not(resideInAPackage("io.cowslip.."))))
                .allowEmptyShould(true);
    }

    /** The rule for one of the engine's packages, all named from the engine on. */
    private static ArchRule partMayUse(String user, String... used) {
        return mayUse(
                ENGINE + "." + user,
                Stream.concat(Stream.of(ENGINE), Stream.of(used).map(part -> ENGINE + "." + part))
                        .toArray(String[]::new));
    }

    /** Which of the service layer's packages one of them may use, besides the engine's. */
    private static ArchRule servicePartMayUse(String user, String... used) {
        return mayUse(
                ROOT + user,
                Stream.concat(
                                Stream.of(ENGINE + "..", ROOT + "access"),
                                Stream.of(used).map(part -> ROOT + part))
                        .toArray(String[]::new));
    }

    /** Which of the web's packages one of them may use, besides those of other layers. */
    private static ArchRule webPartMayUse(String user, String... used) {
        return noClasses()
                .that()
                .resideInAPackage(ROOT + "web." + user)
                .should()
                .dependOnClassesThat(resideInAPackage(ROOT + "web..")
                        .and(not(resideInAnyPackage(Stream.concat(Stream.of(user), Stream.of(used))
                                .map(part -> ROOT + "web." + part)
                                .toArray(String[]::new)))));
    }

    /** What every layer of a chain may stand on, and {@code more}. */
    private static String[] withImageParts(String... more) {
        return Stream.concat(
                        Stream.of(more),
                        Stream.of(
                                "alloc",
                                "cache",
                                "codec",
                                "foreign",
                                "format",
                                "host",
                                "work",
                                "image.options",
                                "image.file",
                                "image.encryption",
                                "image.map",
                                "image.bitmap",
                                "image.snapshot",
                                "image.check"))
                .toArray(String[]::new);
    }

    private static DescribedPredicate<JavaClass> areRecordsOrEnums() {
        return DescribedPredicate.describe("are records or enums", type -> type.isRecord() || type.isEnum());
    }

    private static DescribedPredicate<JavaAccess<?>> ownedBy(String className) {
        return DescribedPredicate.describe(
                "belongs to " + className, access -> access.getTargetOwner().isAssignableTo(className));
    }

    private static DescribedPredicate<JavaAccess<?>> targetNamed(String... names) {
        Set<String> set = Set.of(names);
        return DescribedPredicate.describe(
                "is named " + set, access -> set.contains(access.getTarget().getName()));
    }

    private static DescribedPredicate<JavaClass> simpleNameOfTopLevel(String... names) {
        Set<String> set = Set.of(names);
        return DescribedPredicate.describe("belong to " + set, type -> {
            JavaClass outermost = type;
            while (outermost.getEnclosingClass().isPresent()) {
                outermost = outermost.getEnclosingClass().get();
            }
            return set.contains(outermost.getSimpleName());
        });
    }

    private static ArchCondition<JavaClass> resideInANullMarkedPackage() {
        return new ArchCondition<>("reside in a @NullMarked package") {
            @Override
            public void check(JavaClass type, ConditionEvents events) {
                boolean marked = type.getPackage().isAnnotatedWith(NullMarked.class);
                events.add(new SimpleConditionEvent(type, marked, type.getPackageName() + " is not @NullMarked"));
            }
        };
    }
}
