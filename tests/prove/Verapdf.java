// Validates PDF files against ISO 19005-2, level B, with veraPDF's own engine and its own profile:
//
//   java -cp JAR Verapdf.java FILE…
//
// prints `compliant`, or `not compliant` and a line `CLAUSE-TEST description` for each rule that fails, for each file.
// The profile is read with the JDK's XML parser, since the jar that holds veraPDF leaves JAXB out.

import java.io.File;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashSet;
import java.util.List;
import java.util.TreeSet;
import javax.xml.parsers.DocumentBuilderFactory;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion.Status;
import org.verapdf.pdfa.validation.profiles.Profiles;
import org.verapdf.pdfa.validation.profiles.Rule;
import org.verapdf.pdfa.validation.profiles.ValidationProfile;
import org.verapdf.pdfa.validation.profiles.Variable;
import org.verapdf.pdfa.validation.validators.ValidatorFactory;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

public class Verapdf {
    private static final PDFAFlavour FLAVOUR = PDFAFlavour.PDFA_2_B;
    private static final String PROFILE = "/org/verapdf/pdfa/validation/PDFA-2B.xml";

    public static void main(String[] files) throws Exception {
        VeraGreenfieldFoundryProvider.initialise();
        var profile = profile();
        for (String file : files) {
            try (var parser = Foundries.defaultInstance().createParser(new File(file), FLAVOUR);
                    var validator = ValidatorFactory.createValidator(profile, false)) {
                var result = validator.validate(parser);
                System.out.println(result.isCompliant() ? "compliant" : "not compliant");
                var failed = new TreeSet<String>();
                for (var one : result.getTestAssertions()) {
                    var rule = one.getRuleId();
                    if (one.getStatus() == Status.FAILED) {
                        failed.add("%s-%d %s".formatted(rule.getClause(), rule.getTestNumber(), one.getMessage()));
                    }
                }
                failed.forEach(System.out::println);
            }
        }
    }

    private static ValidationProfile profile() throws Exception {
        Document xml;
        try (var stream = Foundries.class.getResourceAsStream(PROFILE)) {
            xml = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(stream);
        }
        var rules = new HashSet<Rule>();
        for (Element one : elements(xml, "rule")) rules.add(rule(one));
        var variables = new HashSet<Variable>();
        for (Element one : elements(xml, "variable")) {
            var name = one.getAttribute("name");
            var object = one.getAttribute("object");
            variables.add(Profiles.variableFromValues(name, object, text(one, "defaultValue"), text(one, "value")));
        }
        var details = Profiles.profileDetailsFromValues("PDF/A-2b", "", "", new Date(0));
        return Profiles.profileFromValues(FLAVOUR, details, "", rules, variables);
    }

    private static Rule rule(Element one) {
        var id = (Element) one.getElementsByTagName("id").item(0);
        var test = Integer.parseInt(id.getAttribute("testNumber"));
        var rule = Profiles.ruleIdFromValues(FLAVOUR.getPart(), id.getAttribute("clause"), test);
        var error = Profiles.errorFromValues(text(one, "description"), List.of());
        Boolean deferred = one.hasAttribute("deferred") ? Boolean.valueOf(one.getAttribute("deferred")) : null;
        return Profiles.ruleFromValues(
                rule, one.getAttribute("object"), deferred, "", text(one, "description"), text(one, "test"), error, List.of());
    }

    private static List<Element> elements(Document xml, String name) {
        var found = new ArrayList<Element>();
        var nodes = xml.getElementsByTagName(name);
        for (int at = 0; at < nodes.getLength(); at++) found.add((Element) nodes.item(at));
        return found;
    }

    private static String text(Element within, String name) {
        return within.getElementsByTagName(name).item(0).getTextContent();
    }
}
